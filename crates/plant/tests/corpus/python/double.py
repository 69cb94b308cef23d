A="x"  # a
B="it's"
C=f"{A}{B}"
def f(x):
	return """a
B = 1
"""
class D:
	E = 'x'
