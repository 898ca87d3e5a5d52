"""Networks: images [N, 3, H, W] in, an Output of logits, features and embedding out."""
