"""A stand-in for the processors, for trials and tests: it speaks their protocols and keeps everything in memory."""
