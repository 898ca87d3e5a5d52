"""What training costs, counted and not declared: the only package that counts.

One step of the method runs without data on PyTorch's meta device, every operation that it executes is priced, and a new
method is priced right without a line of its own. One FLOP is one multiply-add, as in fvcore and in the paper.
"""
