"""What was wrong in back-ends, planted again (docs/history.md)."""

def back_end_bugs():
    pass
