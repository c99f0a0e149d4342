-- Versions of the views stand side by side, each in a schema `pages_<n>`; one row says which of them answers.
-- The tables of later versions come from `pages.sql`; those that are there become the first.
create table version (
  n integer generated always as identity primary key,   -- never given twice: what hears of an old one can't meet it again
  state text not null check (state in ('building', 'answered')),
  fold text not null,                                    -- hash of the code that began it
  created timestamptz not null default now()
);
create table active (one boolean primary key default true check (one), n integer not null references version);
-- How far the views were when a backup was taken: after a restore nobody is answered until they are there again.
create table awaited (partition smallint primary key, seq bigint not null);

create schema pages_1;
alter table entry set schema pages_1;
alter table child set schema pages_1;
alter table task set schema pages_1;
alter table token set schema pages_1;
insert into version (state, fold) values ('answered', 'before-versions');
insert into active (n) values (1);
update checkpoint set consumer = 'agency.pages.1' where consumer = 'agency.pages';
update parked set consumer = 'agency.pages.1' where consumer = 'agency.pages';
