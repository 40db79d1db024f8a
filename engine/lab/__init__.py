"""Models of points in the plane: clouds, fields, probes, densities over time, and learning.

Every question is a struct in `engine.lab.queries`, every answer a generator of pieces that can be dropped wherever it
stops. Pictures are made in variance-preserving scale, x̄ = x / s with s = sqrt(α² + std²), in which data and noise fill
the same view at every level of every schedule: densities are p̄(x̄) = p(x) s², scores ∇ log p̄ = s ∇ log p.
"""
