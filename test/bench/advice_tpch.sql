-- Tables of the shape of TPC-H, without any index or constraint: columns, types, numbers of rows, distributions and the
-- dependencies between dates are those that its specification describes (revision 3, section 4.2); texts are of the
-- lengths it says, of words of our own.  Usage: psql -v scale=1 -f advice_tpch.sql; the same rows each time.
SET synchronous_commit = off;
SELECT setseed(0.5) \gset
CREATE SCHEMA words;
CREATE FUNCTION words.pick(choices text[]) RETURNS text LANGUAGE sql VOLATILE
    AS $$ SELECT choices[1 + floor(random() * cardinality(choices))::int] $$;
CREATE FUNCTION words.number(low int, high int) RETURNS int LANGUAGE sql VOLATILE
    AS $$ SELECT low + floor(random() * (high - low + 1))::int $$;
-- Comments are pieces of it.
CREATE TABLE words.text AS
SELECT string_agg(words.pick('{foxes,ideas,theodolites,pinto beans,instructions,dependencies,excuses,platelets,asymptotes,courts,dolphins,multipliers,sauternes,warthogs,frets,dinos,attainments,somas,braids,sleep,wake,are,cajole,haggle,nag,use,boost,affix,detect,integrate,quickly,slyly,carefully,blithely,furiously,special,pending,unusual,express,even,final,regular,bold,ironic,silent,packages,requests,accounts,deposits,the,about,above,according to,across,after}'), ' ')::text AS text
FROM generate_series(1, 600);
CREATE FUNCTION words.comment(low int, high int) RETURNS text LANGUAGE sql VOLATILE
    AS $$ SELECT substr(text, words.number(1, 3800), words.number(low, high)) FROM words.text $$;
SELECT text AS prose FROM words.text \gset

CREATE TABLE region (r_regionkey integer, r_name char(25), r_comment varchar(152));
INSERT INTO region SELECT ordinality - 1, name, words.comment(31, 115)
FROM unnest('{AFRICA,AMERICA,ASIA,EUROPE,MIDDLE EAST}'::text[]) WITH ORDINALITY AS r (name, ordinality);

CREATE TABLE nation (n_nationkey integer, n_name char(25), n_regionkey integer, n_comment varchar(152));
INSERT INTO nation SELECT ordinality - 1, split_part(name, ':', 1), split_part(name, ':', 2)::int, words.comment(31, 114)
FROM unnest('{ALGERIA:0,ARGENTINA:1,BRAZIL:1,CANADA:1,EGYPT:4,ETHIOPIA:0,FRANCE:3,GERMANY:3,INDIA:2,INDONESIA:2,IRAN:4,IRAQ:4,JAPAN:2,JORDAN:4,KENYA:0,MOROCCO:0,MOZAMBIQUE:0,PERU:1,CHINA:2,ROMANIA:3,SAUDI ARABIA:4,VIETNAM:2,RUSSIA:3,UNITED KINGDOM:3,UNITED STATES:1}'::text[]) WITH ORDINALITY AS n (name, ordinality);

CREATE TABLE supplier (s_suppkey integer, s_name char(25), s_address varchar(40), s_nationkey integer, s_phone char(15), s_acctbal decimal(15,2), s_comment varchar(101));
INSERT INTO supplier
SELECT i, 'Supplier#' || lpad(i::text, 9, '0'), substr(md5(i::text), 1, 10 + i % 22), nation, 10 + nation || '-' || words.number(100, 999) || '-' || words.number(100, 999) || '-' || words.number(1000, 9999),
       words.number(-99999, 999999) / 100.0,
       CASE WHEN i % 2000 = 7 THEN 'Customer has Complaints' ELSE substr(:'prose', words.number(1, 3800), words.number(25, 100)) END
FROM (SELECT i, words.number(0, 24) AS nation FROM generate_series(1, 10000 * :scale) i) s;

CREATE TABLE customer (c_custkey integer, c_name varchar(25), c_address varchar(40), c_nationkey integer, c_phone char(15), c_acctbal decimal(15,2), c_mktsegment char(10), c_comment varchar(117));
INSERT INTO customer
SELECT i, 'Customer#' || lpad(i::text, 9, '0'), substr(md5(i::text), 1, 10 + i % 22), nation, 10 + nation || '-' || words.number(100, 999) || '-' || words.number(100, 999) || '-' || words.number(1000, 9999),
       words.number(-99999, 999999) / 100.0, ('{AUTOMOBILE,BUILDING,FURNITURE,MACHINERY,HOUSEHOLD}'::text[])[words.number(1, 5)],
       substr(:'prose', words.number(1, 3800), words.number(29, 116))
FROM (SELECT i, words.number(0, 24) AS nation FROM generate_series(1, 150000 * :scale) i) c;

CREATE TABLE part (p_partkey integer, p_name varchar(55), p_mfgr char(25), p_brand char(10), p_type varchar(25), p_size integer, p_container char(10), p_retailprice decimal(15,2), p_comment varchar(23));
INSERT INTO part
SELECT i, array_to_string(ARRAY(SELECT colors[words.number(1, 92)] FROM generate_series(1, 5)), ' '),
       'Manufacturer#' || maker, 'Brand#' || maker || words.number(1, 5),
       (('{STANDARD,SMALL,MEDIUM,LARGE,ECONOMY,PROMO}'::text[])[words.number(1, 6)]) || ' ' || (('{ANODIZED,BURNISHED,PLATED,POLISHED,BRUSHED}'::text[])[words.number(1, 5)]) || ' ' || (('{TIN,NICKEL,BRASS,STEEL,COPPER}'::text[])[words.number(1, 5)]),
       words.number(1, 50), (('{SM,LG,MED,JUMBO,WRAP}'::text[])[words.number(1, 5)]) || ' ' || (('{CASE,BOX,BAG,JAR,PKG,PACK,CAN,DRUM}'::text[])[words.number(1, 8)]),
       (90000 + (i / 10) % 20001 + 100 * (i % 1000)) / 100.0, substr(:'prose', words.number(1, 3800), words.number(5, 22))
FROM (SELECT i, words.number(1, 5) AS maker,
             '{almond,antique,aquamarine,azure,beige,bisque,black,blanched,blue,blush,brown,burlywood,burnished,chartreuse,chiffon,chocolate,coral,cornflower,cornsilk,cream,cyan,dark,deep,dim,dodger,drab,firebrick,floral,forest,frosted,gainsboro,ghost,goldenrod,green,grey,honeydew,hot,indian,ivory,khaki,lace,lavender,lawn,lemon,light,lime,linen,magenta,maroon,medium,metallic,midnight,mint,misty,moccasin,navajo,navy,olive,orange,orchid,pale,papaya,peach,peru,pink,plum,powder,puff,purple,red,rose,rosy,royal,saddle,salmon,sandy,seashell,sienna,sky,slate,smoke,snow,spring,steel,tan,thistle,tomato,turquoise,violet,wheat,white,yellow}'::text[] AS colors
      FROM generate_series(1, 200000 * :scale) i) p;

CREATE TABLE partsupp (ps_partkey integer, ps_suppkey integer, ps_availqty integer, ps_supplycost decimal(15,2), ps_comment varchar(199));
INSERT INTO partsupp
SELECT p_partkey, (p_partkey + i * (10000 * :scale / 4 + (p_partkey - 1) / (10000 * :scale))) % (10000 * :scale) + 1,
       words.number(1, 9999), words.number(100, 100000) / 100.0, substr(:'prose', words.number(1, 3800), words.number(49, 198))
FROM part, generate_series(0, 3) i;

-- Keys of orders: 8 of each 32 numbers; a third of the customers have none.
CREATE TABLE words.orders AS
SELECT i / 8 * 32 + i % 8 AS orderkey, words.number(0, 50000 * :scale - 1) * 3 + words.number(1, 2) AS custkey,
       words.number(1, 7) AS lines, '1992-01-01'::date + words.number(0, 2405) AS orderdate
FROM generate_series(1, 1500000 * :scale) i;
CREATE TABLE lineitem (l_orderkey integer, l_partkey integer, l_suppkey integer, l_linenumber integer, l_quantity decimal(15,2), l_extendedprice decimal(15,2), l_discount decimal(15,2), l_tax decimal(15,2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date, l_receiptdate date, l_shipinstruct char(25), l_shipmode char(10), l_comment varchar(44));
INSERT INTO lineitem
SELECT orderkey, partkey, (partkey + words.number(0, 3) * (10000 * :scale / 4 + (partkey - 1) / (10000 * :scale))) % (10000 * :scale) + 1, line, quantity,
       quantity * (90000 + (partkey / 10) % 20001 + 100 * (partkey % 1000)) / 100.0, words.number(0, 10) / 100.0, words.number(0, 8) / 100.0,
       CASE WHEN shipdate + receipt > '1995-06-17' THEN 'N' WHEN random() < 0.5 THEN 'R' ELSE 'A' END,
       CASE WHEN shipdate > '1995-06-17' THEN 'O' ELSE 'F' END,
       shipdate, orderdate + words.number(30, 90), shipdate + receipt,
       ('{DELIVER IN PERSON,COLLECT COD,NONE,TAKE BACK RETURN}'::text[])[words.number(1, 4)], ('{REG AIR,AIR,RAIL,SHIP,TRUCK,MAIL,FOB}'::text[])[words.number(1, 7)],
       substr(:'prose', words.number(1, 3800), words.number(10, 43))
FROM (SELECT orderkey, line, orderdate, words.number(1, 200000 * :scale) AS partkey, words.number(1, 50) AS quantity, orderdate + words.number(1, 121) AS shipdate, words.number(1, 30) AS receipt
      FROM words.orders, generate_series(1, lines) line OFFSET 0) l;
CREATE TABLE orders (o_orderkey integer, o_custkey integer, o_orderstatus char(1), o_totalprice decimal(15,2), o_orderdate date, o_orderpriority char(15), o_clerk char(15), o_shippriority integer, o_comment varchar(79));
INSERT INTO orders
SELECT orderkey, custkey, CASE WHEN statuses = 'O' THEN 'O' WHEN statuses = 'F' THEN 'F' ELSE 'P' END, price, orderdate,
       ('{1-URGENT,2-HIGH,3-MEDIUM,4-NOT SPECIFIED,5-LOW}'::text[])[words.number(1, 5)],
       'Clerk#' || lpad(words.number(1, 1000 * :scale)::text, 9, '0'), 0, substr(:'prose', words.number(1, 3800), words.number(19, 78))
FROM words.orders JOIN (SELECT l_orderkey, string_agg(DISTINCT l_linestatus::text, '') AS statuses, sum(l_extendedprice * (1 + l_tax) * (1 - l_discount)) AS price
                        FROM lineitem GROUP BY l_orderkey) l ON l_orderkey = orderkey
ORDER BY orderkey;
DROP SCHEMA words CASCADE;
VACUUM ANALYZE;
