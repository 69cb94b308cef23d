/* block */ let a = 1;
