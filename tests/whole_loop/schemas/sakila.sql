-- The shape of Sakila (MySQL's sample database, BSD licence) as it is documented: its enums, sets,
-- spatial column, keys and triggers. The rows are made up.
CREATE TABLE country (country_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, country VARCHAR(50) NOT NULL,
  last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (country_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE city (city_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, city VARCHAR(50) NOT NULL, country_id SMALLINT UNSIGNED NOT NULL,
  last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (city_id), KEY idx_fk_country_id (country_id),
  CONSTRAINT fk_city_country FOREIGN KEY (country_id) REFERENCES country (country_id) ON DELETE RESTRICT ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE address (address_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, address VARCHAR(50) NOT NULL, address2 VARCHAR(50) DEFAULT NULL,
  district VARCHAR(20) NOT NULL, city_id SMALLINT UNSIGNED NOT NULL, postal_code VARCHAR(10) DEFAULT NULL, phone VARCHAR(20) NOT NULL,
  location GEOMETRY NOT NULL, last_update TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (address_id),
  SPATIAL KEY idx_location (location), CONSTRAINT fk_address_city FOREIGN KEY (city_id) REFERENCES city (city_id) ON DELETE RESTRICT ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE store (store_id TINYINT UNSIGNED NOT NULL AUTO_INCREMENT, address_id SMALLINT UNSIGNED NOT NULL, PRIMARY KEY (store_id),
  CONSTRAINT fk_store_address FOREIGN KEY (address_id) REFERENCES address (address_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE customer (customer_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, store_id TINYINT UNSIGNED NOT NULL, first_name VARCHAR(45) NOT NULL,
  last_name VARCHAR(45) NOT NULL, email VARCHAR(50) DEFAULT NULL, address_id SMALLINT UNSIGNED NOT NULL, active BOOLEAN NOT NULL DEFAULT TRUE,
  create_date DATETIME NOT NULL, last_update TIMESTAMP NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, PRIMARY KEY (customer_id),
  KEY idx_last_name (last_name), CONSTRAINT fk_customer_address FOREIGN KEY (address_id) REFERENCES address (address_id) ON DELETE RESTRICT ON UPDATE CASCADE,
  CONSTRAINT fk_customer_store FOREIGN KEY (store_id) REFERENCES store (store_id) ON DELETE RESTRICT ON UPDATE CASCADE) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE film (film_id SMALLINT UNSIGNED NOT NULL AUTO_INCREMENT, title VARCHAR(128) NOT NULL, release_year YEAR DEFAULT NULL,
  rating ENUM('G','PG','PG-13','R','NC-17') DEFAULT 'G', special_features SET('Trailers','Commentaries','Deleted Scenes','Behind the Scenes') DEFAULT NULL,
  PRIMARY KEY (film_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
CREATE TABLE film_text (film_id SMALLINT NOT NULL, title VARCHAR(255) NOT NULL, email TEXT, PRIMARY KEY (film_id), FULLTEXT KEY idx_title (title)) ENGINE=MyISAM DEFAULT CHARSET=utf8mb4;
INSERT INTO country (country, last_update) SELECT CONCAT('Country ', seq), '2006-02-15 04:44:00' FROM seq_1_to_20;
INSERT INTO city (city, country_id, last_update) SELECT CONCAT('City ', seq), 1 + seq % 20, '2006-02-15 04:45:25' FROM seq_1_to_120;
INSERT INTO address (address, address2, district, city_id, postal_code, phone, location, last_update) SELECT
  CONCAT(17 + seq * 37 % 1900, ' ', ELT(1 + seq % 8, 'Hanoi', 'Loja', 'Joliet', 'Inegl', 'Idfu', 'Nantou', 'Santiago', 'Sasebo'), ' ', ELT(1 + seq % 5, 'Way', 'Drive', 'Street', 'Avenue', 'Lane')),
  '', ELT(1 + seq * 7 % 6, 'Alberta', 'QLD', 'Nagasaki', 'California', 'Attika', 'Punjab'), 1 + seq * 11 % 120, LPAD(seq * 7919 % 99999, 5, '0'),
  LPAD(seq * 48271003 % 999999999999, 12, '6'), POINT(seq % 90, seq % 45), '2014-09-25 22:30:27' FROM seq_1_to_320;
INSERT INTO store (address_id) VALUES (1), (2);
INSERT INTO customer (store_id, first_name, last_name, email, address_id, active, create_date, last_update)
SELECT 1 + seq % 2, f, l, CONCAT(f, '.', l, '@sakilacustomer.example'), 4 + seq, seq % 37 <> 0, '2006-02-14 22:04:36', '2006-02-15 04:57:20'
FROM (SELECT seq, ELT(1 + seq % 17, 'MARY', 'PATRICIA', 'LINDA', 'BARBARA', 'ELIZABETH', 'JENNIFER', 'MARIA', 'SUSAN', 'DOROTHY', 'LISA', 'NANCY', 'KAREN', 'BETTY', 'HELEN', 'SANDRA', 'DONNA', 'CAROL') f,
  ELT(1 + seq % 19, 'SMITH', 'JOHNSON', 'WILLIAMS', 'JONES', 'BROWN', 'DAVIS', 'MILLER', 'WILSON', 'MOORE', 'TAYLOR', 'ANDERSON', 'THOMAS', 'JACKSON', 'WHITE', 'HARRIS', 'MARTIN', 'GARCIA', 'CLARK', 'LEWIS') l
  FROM seq_1_to_300) names;
CREATE TRIGGER customer_create_date BEFORE INSERT ON customer FOR EACH ROW SET NEW.create_date = NOW();
CREATE TRIGGER ins_film AFTER INSERT ON film FOR EACH ROW INSERT INTO film_text (film_id, title) VALUES (NEW.film_id, NEW.title);
