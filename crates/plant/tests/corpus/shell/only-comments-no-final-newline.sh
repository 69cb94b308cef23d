# nothing here

# at all