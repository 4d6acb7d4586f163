-- The shop's database (PostgreSQL).
CREATE TABLE customers (
  id bigint PRIMARY KEY, email text, name text, newsletter boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(), updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE orders (
  id bigint PRIMARY KEY, placed_at timestamptz, status integer, total_cents bigint,
  updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE products (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, sku text NOT NULL, title text, price numeric(10,2),
  grams numeric, stock integer, visible boolean, updated_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE staff (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, email text, name text, phone text, department text,
  changed_at timestamptz NOT NULL DEFAULT now(), left_at timestamptz);
INSERT INTO customers (id, email, name, newsletter) VALUES
  (1, 'anna@example.com', 'Anna Berg', true), (2, 'ben@example.com', 'Ben Ito', false);
INSERT INTO orders (id, placed_at, status, total_cents) VALUES (7, '2026-01-05 10:00:00+00', 1, 1995), (8, '2026-01-06 11:30:00+00', 3, 250);
INSERT INTO products (sku, title, price, grams, stock) VALUES ('K-1', 'Kettle', 39.90, 1250, 12), ('T-2', 'Teapot', 24.50, 800, 3);
INSERT INTO staff (email, name, phone, department) VALUES ('kim@example.com', 'Kim Lund', '+46 8 123 456 78', 'Support');
