<?php
define('A', 'x');
define('A', 'x');
# define('B', 'y');