"""What zpmd costs and how fast it is, measured on real engines beside the floor of the same calls made by hand.

Rules: arms of a comparison are interleaved and their order is rotated, because engines differ by a fifth from one
series to the next; figures are medians with their range and number; a run says on what it ran.
"""
