# nothing here

# at all
