"""Recordings: WAV files, resampling, spectrograms, and models that take them. Imported when a sound is first used."""
