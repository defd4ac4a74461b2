-- purpose: how many other catalogs share the users of a space
-- grain: one row
select count(*) as n_catalogs from catalogs where user_space = $user_space and catalog <> $catalog;
