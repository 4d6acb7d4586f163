-- The warehouse's database (SQLite).
CREATE TABLE orders (
  order_no TEXT PRIMARY KEY, placed_at TIMESTAMP, status TEXT, total DECIMAL(12,2), source TEXT NOT NULL);
CREATE TABLE products (
  sku TEXT PRIMARY KEY, name TEXT, list_price DECIMAL(10,2), kilograms DECIMAL(8,3), stock INTEGER);
INSERT INTO products (sku, name, list_price, kilograms, stock) VALUES ('K-1', 'Kettle 1.5 l', 39.90, 1.25, 10);
