"""Fuzzing: hostile input made at random."""
