"""The operations that cost nothing by convention, as in fvcore; what is neither here nor in the rules gets named."""

from __future__ import annotations

import torch
from torch import Tensor
from torch._ops import OpOverload

# Of PyTorch's own operations; those it tags as elementwise and those that return a view need no entry.
GROUPS = {
    "elementwise": """
        add sub mul div rsub floor_divide remainder fmod pow abs relu gelu silu mish elu celu selu glu hardtanh
        hardsigmoid hardswish hardshrink softshrink leaky_relu _prelu_kernel softplus threshold log_sigmoid_forward
        heaviside copysign eq ne lt le gt ge gcd lcm isin isinf isnan where lerp masked_fill xlogy addcmul addcdiv
        addr complex polar angle _conj_physical _masked_scale nan_to_num __and__ __or__ __xor__ __lshift__ __rshift__
        bitwise_and bitwise_or bitwise_xor bitwise_left_shift bitwise_right_shift _add_relu clamp clamp_min clamp_max
        linalg_cross _weight_norm_interface _amp_update_scale _amp_foreach_non_finite_check_and_unscale
        _fused_sgd _fused_adam _fused_adamw _fused_adagrad""",
    "softmax": "softmax log_softmax _softmax _log_softmax _safe_softmax _masked_softmax",
    "losses": """
        mse_loss huber_loss smooth_l1_loss soft_margin_loss multi_margin_loss multilabel_margin_loss_forward
        binary_cross_entropy binary_cross_entropy_with_logits nll_loss nll_loss_forward nll_loss2d_forward""",
    "reductions": """
        sum nansum mean prod std std_mean var var_mean norm native_norm linalg_vector_norm logsumexp max min amax amin
        aminmax _aminmax argmax argmin any all _is_all_true _is_any_true median nanmedian mode count_nonzero trace dist
        cumsum cumprod cummax cummin logcumsumexp _logcumsumexp bincount histc segment_reduce renorm rms_norm
        _fused_rms_norm""",
    "pooling": """
        avg_pool1d avg_pool2d avg_pool3d adaptive_avg_pool1d _adaptive_avg_pool2d _adaptive_avg_pool3d
        adaptive_max_pool2d adaptive_max_pool3d max_pool2d_with_indices max_pool3d_with_indices
        fractional_max_pool2d fractional_max_pool3d max_unpool2d max_unpool3d""",
    "copies": """
        clone copy copy_ _to_copy cat stack _stack repeat repeat_interleave roll flip rot90 constant_pad_nd
        reflection_pad1d reflection_pad2d reflection_pad3d replication_pad1d replication_pad2d replication_pad3d
        pixel_shuffle pixel_unshuffle channel_shuffle im2col col2im tril triu diag_embed block_diag _pin_memory
        _lazy_clone lift lift_fresh_copy slice_scatter select_scatter diagonal_scatter as_strided_scatter unfold_copy
        view_copy slice_copy select_copy expand_copy permute_copy transpose_copy t_copy alias_copy detach_copy
        squeeze_copy unsqueeze_copy split_copy split_with_sizes_copy _reshape_alias_copy _reshape_copy unsafe_split
        unsafe_split_with_sizes _unsafe_view _chunk_cat set_ resize_ resize_as_""",
    "new tensors": """
        empty empty_like empty_strided empty_permuted new_empty new_empty_strided new_full new_ones new_zeros zeros
        zeros_like ones ones_like full full_like fill zero eye arange range linspace logspace scalar_tensor
        _efficientzerotensor tril_indices triu_indices hann_window hamming_window""",
    "random numbers": """
        rand rand_like randn randn_like randint randint_like randperm random bernoulli uniform normal normal_functional
        exponential geometric cauchy log_normal multinomial poisson binomial _standard_gamma _sample_dirichlet
        native_dropout _fused_dropout rrelu_with_noise rrelu_with_noise_functional""",
    "indexing": """
        index _unsafe_index _unsafe_masked_index index_select index_put _index_put_impl _unsafe_index_put index_add
        index_copy index_fill index_reduce gather scatter scatter_add scatter_reduce take put embedding _embedding_bag
        _embedding_bag_forward_only masked_select masked_scatter nonzero nonzero_static bucketize searchsorted""",
    "sorting": "sort topk kthvalue unique_dim unique_consecutive _unique _unique2",
}
NAMES = {name for names in GROUPS.values() for name in names.split()}
FREE_TAGS = {torch.Tag.pointwise, torch.Tag.inplace_view}
BOOKKEEPING = ("prim", "profiler")  # questions such as which device a tensor is on


def is_free(operation: OpOverload, answer: object) -> bool:
    space, _, name = operation._schema.name.partition("::")
    if space in BOOKKEEPING or FREE_TAGS & set(operation.tags) or is_view(operation):
        return True
    if space != "aten":
        return False
    plain = name if name.startswith("__") else name.removesuffix("_")
    if name in NAMES or plain in NAMES or name.startswith("_foreach_"):
        return True
    return not isinstance(answer, (Tensor, tuple, list))  # a number, a truth value or nothing, such as item()


def is_view(operation: OpOverload) -> bool:
    returned = operation._schema.returns
    return bool(returned) and all(one.alias_info and not one.alias_info.is_write for one in returned)
