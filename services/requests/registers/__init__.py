"""The registers staff read: the processors, and the processing that the clinic does (AVG art. 30)."""
