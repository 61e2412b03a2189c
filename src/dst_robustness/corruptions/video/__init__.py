"""Corruptions of clips: of single frames, of time, of the camera, and of the coded stream."""
