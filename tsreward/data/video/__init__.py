"""Frames out of videos, folders of pictures and arrays: all of them, or an error that says why not."""
