from debian:12
ENV A one
env B two
ENV C=1 D=2
ENV E one\
  two
