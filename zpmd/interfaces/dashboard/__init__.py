"""The page at `/`: one HTML file, its style and its ES modules, served as they lie here (rest/pages.py).

There is no build step and nothing from elsewhere: sites are offline. The page knows what `/v1` tells it and nothing
more, puts foreign text into text nodes alone, and never holds a token.
"""
