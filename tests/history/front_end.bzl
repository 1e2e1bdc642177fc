"""What was wrong in front-ends, planted again (docs/history.md)."""

def front_end_bugs():
    pass
