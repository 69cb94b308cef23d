A = 'x'
A = 'y'
A = 'x'
