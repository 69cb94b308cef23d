A=1
A=2
export A
export B="x y"
B='z'