<?php
/**
 * The base configuration for WordPress
 * define( 'NOT', 'this' );
 */

// ** Database settings ** //
define( 'DB_NAME', 'shop' );
define( 'DB_USER', 'shop' );
define( 'DB_PASSWORD', 'hunter2' ); // it's secret
define( 'DB_HOST', 'localhost' );

$table_prefix = 'wp_';
define( 'WP_DEBUG', false );

/* That's all, stop editing! Happy publishing. */

if ( ! defined( 'ABSPATH' ) ) {
	define( 'ABSPATH', __DIR__ . '/' );
}
require_once ABSPATH . 'wp-settings.php';