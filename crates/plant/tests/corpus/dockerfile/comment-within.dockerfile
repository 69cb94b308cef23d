FROM a
ENV A=1 \
# between
  B=2
CMD c
