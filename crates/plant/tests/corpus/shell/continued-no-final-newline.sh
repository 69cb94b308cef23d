export LONG=one\
two
FOO=bar \
  command --flag
ARR=(a b
  c)