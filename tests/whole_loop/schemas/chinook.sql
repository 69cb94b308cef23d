-- The shape of Chinook (a sample database for many servers, MIT licence) as it is documented, in the
-- words of PostgreSQL: quoted names, keys that nobody counts. The rows are made up.
CREATE TABLE "Employee" ("EmployeeId" INT NOT NULL, "LastName" VARCHAR(20) NOT NULL, "FirstName" VARCHAR(20) NOT NULL, "Title" VARCHAR(30),
  "ReportsTo" INT, "BirthDate" TIMESTAMP, "HireDate" TIMESTAMP, "Email" VARCHAR(60), CONSTRAINT "PK_Employee" PRIMARY KEY ("EmployeeId"));
ALTER TABLE "Employee" ADD CONSTRAINT "FK_EmployeeReportsTo" FOREIGN KEY ("ReportsTo") REFERENCES "Employee" ("EmployeeId") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE TABLE "Customer" ("CustomerId" INT NOT NULL, "FirstName" VARCHAR(40) NOT NULL, "LastName" VARCHAR(20) NOT NULL, "Company" VARCHAR(80),
  "Address" VARCHAR(70), "City" VARCHAR(40), "State" VARCHAR(40), "Country" VARCHAR(40), "PostalCode" VARCHAR(10), "Phone" VARCHAR(24), "Fax" VARCHAR(24),
  "Email" VARCHAR(60) NOT NULL, "SupportRepId" INT, CONSTRAINT "PK_Customer" PRIMARY KEY ("CustomerId"));
ALTER TABLE "Customer" ADD CONSTRAINT "FK_CustomerSupportRepId" FOREIGN KEY ("SupportRepId") REFERENCES "Employee" ("EmployeeId") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE INDEX "IFK_CustomerSupportRepId" ON "Customer" ("SupportRepId");
CREATE TABLE "Invoice" ("InvoiceId" INT NOT NULL PRIMARY KEY, "CustomerId" INT NOT NULL REFERENCES "Customer" ("CustomerId"), "InvoiceDate" TIMESTAMP NOT NULL, "Total" NUMERIC(10,2) NOT NULL);
INSERT INTO "Employee" VALUES (1, 'Adams', 'Andrew', 'General Manager', NULL, '1962-02-18', '2002-08-14', 'andrew@chinookcorp.example');
INSERT INTO "Employee" SELECT i, 'Staff' || chr(63 + i), 'Name' || chr(63 + i), 'Sales Support Agent', 1, '1970-01-01', '2003-05-01', 'staff' || i || '@chinookcorp.example' FROM generate_series(2, 8) i;
INSERT INTO "Customer" SELECT i, f, l, CASE WHEN i % 6 = 0 THEN 'Company ' || chr(65 + i % 20) END, i * 13 % 900 + 1 || ' ' || l || ' Street', c, CASE WHEN i % 2 = 0 THEN 'CA' END,
  CASE WHEN i % 2 = 0 THEN 'USA' ELSE 'Germany' END, lpad((i * 977 % 99999)::text, 5, '0'), '+49 0711 ' || lpad((i * 7919 % 9999999)::text, 7, '1'), NULL,
  lower(left(f, 1) || l) || CASE WHEN i > 40 THEN (i % 90 + 10)::text ELSE '' END || '@mail.example', 3 + i % 3
FROM (SELECT i, (ARRAY['Frank', 'Jack', 'Michelle', 'Tim', 'Dan', 'Kathy', 'Heather', 'John', 'Victor', 'Richard', 'Patrick'])[1 + i % 11] f,
  (ARRAY['Harris', 'Smith', 'Brooks', 'Goyer', 'Miller', 'Chase', 'Leacock', 'Gordon', 'Stevens', 'Cunningham', 'Gray', 'Barnett', 'Ralston'])[1 + i % 13] l,
  (ARRAY['Stuttgart', 'Berlin', 'Fremont', 'Tucson'])[1 + i % 4] c FROM generate_series(1, 59) i) names;
INSERT INTO "Invoice" SELECT i, 1 + i % 59, timestamp '2009-01-01' + i * interval '3 days', 0.99 * (1 + i % 14) FROM generate_series(1, 100) i;
