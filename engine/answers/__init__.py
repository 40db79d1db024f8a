"""What the window asks of the engine, and the answers, in pieces that can be dropped wherever they stop."""
