"""A stream in pieces, written down and taken up by another one on the way, is the whole log to the bit."""

from tests.reliability.streams import stream_pieces


def test_pieces_resets_and_saves_change_no_bit(seed):
    seen = stream_pieces(series=8, steps=400, seed=seed)
    assert seen["differ"] == 0
    assert min(seen["resets"], seen["saves"]) > 8
