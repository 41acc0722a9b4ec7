"""PyTorch exported programs (``.pt2``): read and checked against allow-lists before PyTorch reads them."""
