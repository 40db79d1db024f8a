"""`scorescope bench`: times, and how far the samplers are after how many evaluations."""
