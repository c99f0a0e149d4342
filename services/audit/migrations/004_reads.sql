-- Looks are a log, the auditor's own too: numbered without a gap in order of commit.
alter table look add column seq bigint;
update look set seq = n from (select id, row_number() over (order by at, id) as n from look) o where o.id = look.id;
alter table look alter column seq set not null;
alter table look add unique (seq);
alter table look rename column subjects to about;
alter table look add column classes text[] not null default '{}';
create table look_head (one boolean primary key default true check (one), head bigint not null default 0);
insert into look_head (head) select count(*) from look;

-- Who read what, as it was published: exact bytes, a leaf each.
create table read (
  log text not null,
  seq bigint not null,
  agency uuid not null,
  at timestamptz not null,
  about text[] not null,
  look bytea not null,
  primary key (log, seq)
);
create index read_by_subject on read using gin (about);

create or replace view said (store, seq, bytes) as
  select store, seq, envelope from leaf union all select 'feed', seq, telling from told
  union all select log, seq, look from read;
