-- The club's database (SQLite).
CREATE TABLE members (
  id INTEGER PRIMARY KEY, first TEXT, last TEXT, email TEXT, joined_on DATE, fee DECIMAL(8,2), active BOOLEAN,
  changed_at TIMESTAMP);
INSERT INTO members (id, first, last, email, joined_on, fee, active, changed_at) VALUES
  (1, 'Eva', 'Sand', 'Eva@example.com', '2019-03-01', '25.00', 1, '2026-01-05 10:00:00');
