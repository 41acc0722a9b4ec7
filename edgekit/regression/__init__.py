"""The regression gate: is a candidate as good as the committed baseline?"""
