-- The subscriber database of the example service. All rows are made up.
CREATE TABLE subscribers (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    name          TEXT NOT NULL,
    email         TEXT NOT NULL UNIQUE,
    city          TEXT,
    postcode      TEXT,
    language      TEXT NOT NULL DEFAULT 'en' CHECK (language IN ('en', 'es', 'fr')),
    profile_url   TEXT,
    verified      INTEGER NOT NULL DEFAULT 0 CHECK (verified IN (0, 1)),
    created_at    TEXT NOT NULL
);

CREATE TABLE api_keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    key         TEXT NOT NULL UNIQUE,
    scopes      TEXT NOT NULL DEFAULT 'send',
    created_at  TEXT NOT NULL
);

INSERT INTO subscribers (name, email, city, postcode, language, profile_url, verified, created_at) VALUES
    ('Marisol Ortega',   'marisol.ortega@example.org',  'Tucson',      '85701', 'es', NULL, 1, '2026-02-03 18:22:41'),
    ('Dana Whitfield',   'dana.whitfield@example.org',  'Portland',    '97205', 'en', NULL, 1, '2026-02-11 09:03:17'),
    ('Luc Fontaine',     'luc.fontaine@example.org',    'Lafayette',   '70501', 'fr', NULL, 0, '2026-03-01 14:47:55'),
    ('Priya Raman',      'priya.raman@example.org',     'Fremont',     '94536', 'en', NULL, 1, '2026-03-22 07:31:08'),
    ('Jonah Adeyemi',    'jonah.adeyemi@example.org',   'Minneapolis', '55401', 'en', NULL, 1, '2026-04-09 20:12:30'),
    ('Teresa Villalobos','teresa.villalobos@example.org','El Paso',    '79901', 'es', NULL, 1, '2026-05-17 11:58:02'),
    ('Owen Castellan',   'owen.castellan@example.org',  'Denver',      '80202', 'en', NULL, 0, '2026-06-28 16:40:49'),
    ('Hanh Nguyen',      'hanh.nguyen@example.org',     'San Jose',    '95112', 'en', NULL, 1, '2026-08-02 08:15:26');

INSERT INTO api_keys (name, key, scopes, created_at) VALUES
    ('website form', 'made-up-example-0001', 'send',      '2026-02-01 10:00:00'),
    ('status page',  'made-up-example-0002', 'read',      '2026-04-15 12:30:00');
