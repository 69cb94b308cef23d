-- The shape of Pagila (a port of Sakila to PostgreSQL, BSD licence) as it is documented: its types,
-- domain, tables, keys, triggers and partitions. The rows are made up.
CREATE TYPE mpaa_rating AS ENUM ('G', 'PG', 'PG-13', 'R', 'NC-17');
CREATE DOMAIN year AS integer CHECK (VALUE >= 1901 AND VALUE <= 2155);
CREATE FUNCTION last_updated() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN NEW.last_update = CURRENT_TIMESTAMP; RETURN NEW; END $$;
CREATE TABLE country (country_id serial PRIMARY KEY, country text NOT NULL, last_update timestamp with time zone DEFAULT now() NOT NULL);
CREATE TABLE city (city_id serial PRIMARY KEY, city text NOT NULL, country_id integer NOT NULL REFERENCES country ON UPDATE CASCADE ON DELETE RESTRICT,
  last_update timestamp with time zone DEFAULT now() NOT NULL);
CREATE TABLE address (address_id serial PRIMARY KEY, address text NOT NULL, address2 text, district text NOT NULL,
  city_id integer NOT NULL REFERENCES city ON UPDATE CASCADE ON DELETE RESTRICT, postal_code text, phone text NOT NULL,
  last_update timestamp with time zone DEFAULT now() NOT NULL);
CREATE TABLE store (store_id serial PRIMARY KEY, manager_staff_id integer NOT NULL, address_id integer NOT NULL REFERENCES address,
  last_update timestamp with time zone DEFAULT now() NOT NULL);
CREATE TABLE staff (staff_id serial PRIMARY KEY, first_name text NOT NULL, last_name text NOT NULL, address_id integer NOT NULL REFERENCES address,
  email text, store_id integer NOT NULL REFERENCES store DEFERRABLE INITIALLY DEFERRED, active boolean DEFAULT true NOT NULL,
  username text NOT NULL, password text, last_update timestamp with time zone DEFAULT now() NOT NULL, picture bytea);
ALTER TABLE store ADD FOREIGN KEY (manager_staff_id) REFERENCES staff DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE customer (customer_id serial PRIMARY KEY, store_id integer NOT NULL REFERENCES store ON UPDATE CASCADE ON DELETE RESTRICT,
  first_name text NOT NULL, last_name text NOT NULL, email text, address_id integer NOT NULL REFERENCES address ON UPDATE CASCADE ON DELETE RESTRICT,
  activebool boolean DEFAULT true NOT NULL, create_date date DEFAULT CURRENT_DATE NOT NULL,
  last_update timestamp with time zone DEFAULT now(), active integer);
CREATE TABLE film (film_id serial PRIMARY KEY, title text NOT NULL, description text, release_year year, rental_rate numeric(4,2) DEFAULT 4.99 NOT NULL,
  length smallint, rating mpaa_rating DEFAULT 'G', special_features text[], fulltext tsvector NOT NULL);
CREATE TABLE payment (payment_id serial NOT NULL, customer_id integer NOT NULL REFERENCES customer, staff_id integer NOT NULL REFERENCES staff,
  amount numeric(5,2) NOT NULL, payment_date timestamp with time zone NOT NULL, PRIMARY KEY (payment_date, payment_id)) PARTITION BY RANGE (payment_date);
CREATE TABLE payment_p2022_01 PARTITION OF payment FOR VALUES FROM ('2022-01-01') TO ('2022-02-01');
CREATE TABLE payment_p2022_02 PARTITION OF payment FOR VALUES FROM ('2022-02-01') TO ('2022-03-01');
CREATE INDEX idx_last_name ON customer (last_name);
CREATE VIEW customer_list AS SELECT c.customer_id AS id, c.first_name || ' ' || c.last_name AS name, a.address, a.postal_code AS "zip code", a.phone
  FROM customer c JOIN address a USING (address_id);
INSERT INTO country (country) SELECT 'Country ' || chr(64 + i) FROM generate_series(1, 20) i;
INSERT INTO city (city, country_id) SELECT 'City ' || i, 1 + i % 20 FROM generate_series(1, 120) i;
INSERT INTO address (address, district, city_id, postal_code, phone, address2) SELECT (17 + i * 37 % 1900) || ' ' ||
  (ARRAY['Hanoi', 'Loja', 'Joliet', 'Inegl', 'Idfu', 'Nantou', 'Santiago', 'Sasebo'])[1 + i % 8] || ' ' || (ARRAY['Way', 'Drive', 'Street', 'Avenue', 'Lane'])[1 + i % 5],
  (ARRAY['Alberta', 'QLD', 'Nagasaki', 'California', 'Attika', 'Punjab'])[1 + i * 7 % 6], 1 + i * 11 % 120, lpad((i * 7919 % 99999)::text, 5, '0'),
  lpad((i::bigint * 48271003 % 999999999999)::text, 12, '6'), '' FROM generate_series(1, 320) i;
BEGIN;
INSERT INTO store (manager_staff_id, address_id) VALUES (1, 1), (2, 2);
INSERT INTO staff (first_name, last_name, address_id, email, store_id, username, password) VALUES
  ('Mike', 'Hillyer', 3, 'Mike.Hillyer@sakilastaff.example', 1, 'Mike', '8cb2237d0679ca88db6464eac60da96345513964'),
  ('Jon', 'Stephens', 4, 'Jon.Stephens@sakilastaff.example', 2, 'Jon', '8cb2237d0679ca88db6464eac60da96345513964');
COMMIT;
INSERT INTO customer (store_id, first_name, last_name, email, address_id, activebool, create_date, last_update, active)
SELECT 1 + (i * 5 % 9) / 5, f, l, f || '.' || l || '@sakilacustomer.example', 4 + i, true, '2022-02-14', '2022-02-15 09:57:20+00', CASE WHEN i % 37 = 0 THEN 0 ELSE 1 END
FROM (SELECT i, (ARRAY['MARY', 'PATRICIA', 'LINDA', 'BARBARA', 'ELIZABETH', 'JENNIFER', 'MARIA', 'SUSAN', 'DOROTHY', 'LISA', 'NANCY', 'KAREN', 'BETTY', 'HELEN', 'SANDRA', 'DONNA', 'CAROL'])[1 + i % 17] f,
  (ARRAY['SMITH', 'JOHNSON', 'WILLIAMS', 'JONES', 'BROWN', 'DAVIS', 'MILLER', 'WILSON', 'MOORE', 'TAYLOR', 'ANDERSON', 'THOMAS', 'JACKSON', 'WHITE', 'HARRIS', 'MARTIN', 'GARCIA', 'CLARK', 'LEWIS'])[1 + i % 19] l
  FROM generate_series(1, 300) i) names;
CREATE TRIGGER last_updated BEFORE UPDATE ON customer FOR EACH ROW EXECUTE FUNCTION last_updated();
CREATE TRIGGER film_fulltext_trigger BEFORE INSERT OR UPDATE ON film FOR EACH ROW
  EXECUTE FUNCTION tsvector_update_trigger('fulltext', 'pg_catalog.english', 'title', 'description');
INSERT INTO film (title, description, release_year, length, rating, special_features) SELECT 'FILM ' || i, 'A story of number ' || i, 2006, 40 + i,
  (enum_range(NULL::mpaa_rating))[1 + i % 5], ARRAY['Trailers', 'Deleted Scenes'] FROM generate_series(1, 40) i;
INSERT INTO payment (customer_id, staff_id, amount, payment_date) SELECT 1 + i % 300, 1 + i % 2, i % 9 + 0.99, timestamptz '2022-01-05 10:00:00+00' + i * interval '2 hours'
FROM generate_series(1, 400) i;
