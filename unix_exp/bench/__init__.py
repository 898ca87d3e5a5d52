"""How long a step takes beside what it cannot do without, and beside the loop that people would write.

In one process, in turns, so that a machine whose other users come and go is fair to all: the networks alone (the
floor), our whole step with its data, conventional KD, and a plain loop with PIL, an eager step and .item(). Random
weights on drawn shapes, because speed depends on neither: nothing is downloaded, no teacher is trained.

    measure.py     turns, medians and quartiles       case.py       what is timed, from the command line
    ours.py        our step, as a run assembles it    floor.py      the networks alone
    plain.py       the loop as people write it        contestants.py    all of them, ready to be timed
    figures.py     what the times say                 compare.py    what changed since a known state
    chips.py       what a GPU could do                together.py    several runs at once
    table.py  picture.py
"""
