-- Looks are a log: numbered without a gap in order of commit, published, and covered by the signed logs.
alter table look add column seq bigint;
update look set seq = n from (select id, row_number() over (order by at, id) as n from look) o where o.id = look.id;
alter table look alter column seq set not null;
alter table look add unique (seq);
drop index look_by_child;
alter table look rename column children to about;
alter table look alter column about type text[] using about::text[];
create index look_by_subject on look using gin (about);
create table look_head (one boolean primary key default true check (one), head bigint not null default 0);
insert into look_head (head) select count(*) from look;
