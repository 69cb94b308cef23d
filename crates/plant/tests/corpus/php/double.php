<?php
define("SMTP_HOST", "localhost");
define("SMTP_PASS", "a\"b");
define("MULTI", 'one
two');
return 1;
