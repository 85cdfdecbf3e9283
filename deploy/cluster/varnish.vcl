# The edge of several nodes: deploy/varnish.vcl with a choice of nodes in front. Pages go to whichever web node is well,
# reports to the one node that keeps them, and a purge wants the token of INFERENCEBENCH_EDGE_PURGE_TOKEN, which this
# file reads from PURGE_TOKEN. Varnish 7 with vmod_xkey (Debian's varnish and varnish-modules), started with
# -p http_gzip_support=off . The tests run this very file.
vcl 4.1;


import directors;
import std;
import xkey;

probe ready { .url = "/healthz"; .interval = 1s; .timeout = 1s; .window = 3; .threshold = 2; .initial = 2; }

backend web_1 { .host = "web-1"; .port = "8000"; .probe = ready; }
backend web_2 { .host = "web-2"; .port = "8000"; .probe = ready; }
backend records { .host = "records"; .port = "8000"; .probe = ready; }

sub vcl_init {
    new web = directors.round_robin();
    web.add_backend(web_1);
    web.add_backend(web_2);
}

sub vcl_recv {
    if (req.method == "PURGE") {
        if (std.getenv("PURGE_TOKEN") == "" || req.http.Authorization != "Bearer " + std.getenv("PURGE_TOKEN")) {
            return (synth(403, "Not with this token"));
        }
        if (!req.http.Surrogate-Key) {
            return (synth(400, "Name the keys in Surrogate-Key"));
        }
        set req.http.X-Gone = xkey.purge(req.http.Surrogate-Key);
        return (synth(200, "Purged"));
    }
    # Reports lie on one node; its addresses are those that a web node refuses (app/site/routes.py, RECORDS).
    if (req.url ~ "^/(submit|submissions)([/?]|$)") {
        set req.backend_hint = records;
    } else {
        set req.backend_hint = web.backend();
        # What a web node takes changes nothing, so it may be sent to another one; a report never is.
        std.cache_req_body(1MB);
    }
    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    unset req.http.Cookie;
    # One variant a coding, not one a spelling; the first that the app prepares wins.
    if (req.http.Accept-Encoding ~ "(^|[ ,])br($|[ ,;])" && req.http.Accept-Encoding !~ "br;q=0(\.0*)?($|[ ,])") {
        set req.http.Accept-Encoding = "br";
    } else if (req.http.Accept-Encoding ~ "(^|[ ,])zstd($|[ ,;])" && req.http.Accept-Encoding !~ "zstd;q=0(\.0*)?($|[ ,])") {
        set req.http.Accept-Encoding = "zstd";
    } else if (req.http.Accept-Encoding ~ "(^|[ ,])gzip($|[ ,;])" && req.http.Accept-Encoding !~ "gzip;q=0(\.0*)?($|[ ,])") {
        set req.http.Accept-Encoding = "gzip";
    } else {
        unset req.http.Accept-Encoding;
    }
    # While the app is well a stale page stands in for a minute at most; while it is down, as long as the page allows.
    if (std.healthy(req.backend_hint)) {
        set req.grace = 60s;
    }
    return (hash);
}

# A node that is being restarted loses no request that may be sent twice: another node is asked.
sub vcl_backend_fetch {
    if (bereq.retries > 0 && bereq.url !~ "^/(submit|submissions)([/?]|$)") {
        set bereq.backend = web.backend();
    }
}

sub vcl_backend_response {
    if (beresp.status == 503 && bereq.retries < 3 && bereq.url !~ "^/(submit|submissions)([/?]|$)") {
        return (retry);
    }
    if (beresp.status >= 500) {
        if (bereq.is_bgfetch) {
            return (abandon);
        }
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
        return (deliver);
    }
    set beresp.http.xkey = beresp.http.Surrogate-Key;
    if (beresp.http.CDN-Cache-Control ~ "max-age=[0-9]+") {
        set beresp.ttl = std.duration(regsub(beresp.http.CDN-Cache-Control, ".*max-age=([0-9]+).*", "\1s"), 0s);
        set beresp.grace = 0s;
        if (beresp.http.CDN-Cache-Control ~ "stale-if-error=[0-9]+") {
            # Ends before the page's valid_until, like everything the app says of its life.
            set beresp.grace = std.duration(regsub(beresp.http.CDN-Cache-Control, ".*stale-if-error=([0-9]+).*", "\1s"), 0s);
        }
    } else if (beresp.http.Cache-Control !~ "immutable") {
        set beresp.uncacheable = true;
        set beresp.ttl = 0s;
    }
    return (deliver);
}

sub vcl_deliver {
    unset resp.http.xkey;
    unset resp.http.Via;
    unset resp.http.X-Varnish;
    if (obj.hits > 0) {
        set resp.http.X-Cache = "HIT";
    } else {
        set resp.http.X-Cache = "MISS";
    }
}

# What Varnish answers by itself carries the headers that every answer of the app has.
sub vcl_synth {
    set resp.http.Content-Type = "text/plain; charset=utf-8";
    set resp.http.Content-Security-Policy = "default-src 'none'; form-action 'none'; frame-ancestors 'none'";
    set resp.http.X-Frame-Options = "DENY";
    set resp.http.X-Content-Type-Options = "nosniff";
    set resp.http.Referrer-Policy = "same-origin";
    set resp.http.Permissions-Policy = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    set resp.http.Cross-Origin-Opener-Policy = "same-origin";
    set resp.http.Cross-Origin-Resource-Policy = "same-origin";
    set resp.http.Cache-Control = "no-store";
    set resp.body = resp.reason + {"
"};
    return (deliver);
}

sub vcl_backend_error {
    if (bereq.retries < 3 && bereq.url !~ "^/(submit|submissions)([/?]|$)") {
        return (retry);
    }
    set beresp.http.Content-Type = "text/plain; charset=utf-8";
    set beresp.http.Content-Security-Policy = "default-src 'none'; form-action 'none'; frame-ancestors 'none'";
    set beresp.http.X-Frame-Options = "DENY";
    set beresp.http.X-Content-Type-Options = "nosniff";
    set beresp.http.Referrer-Policy = "same-origin";
    set beresp.http.Permissions-Policy = "camera=(), geolocation=(), microphone=(), payment=(), usb=()";
    set beresp.http.Cross-Origin-Opener-Policy = "same-origin";
    set beresp.http.Cross-Origin-Resource-Policy = "same-origin";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "10";
    set beresp.ttl = 0s;
    set beresp.uncacheable = true;
    set beresp.body = {"The site is being restarted. Please try again in a moment.
"};
    return (deliver);
}
