-- What is new at revision 0002, beside what 0001.sql has stored.
INSERT INTO organisation (id, key, name, suspended_at) VALUES ('976185e3-70ed-5ba0-9a9e-7384159158f2', 'globex', 'Globex', now());
