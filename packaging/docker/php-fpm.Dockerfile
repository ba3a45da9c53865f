# php-fpm 8.2 with the library, from the packages of `make packages`:
#
#   docker build -f packaging/docker/php-fpm.Dockerfile -t php-fpm-secure-outbound target/packages
#
# Configuration, registry, key and envelopes are mounted at /etc/secure-outbound, read-only; what the workers write is a volume.
# A release names the base with its digest.
ARG BASE=debian:12-slim
FROM ${BASE}

COPY secure-outbound_*_amd64.deb /tmp/
# A slim Debian leaves out what packages have below /usr/share/doc. Licence texts of what is linked in, and its list, belong to the image.
RUN printf 'path-include /usr/share/doc/secure-outbound/%s\n' licences.txt.gz sbom.cdx.json >/etc/dpkg/dpkg.cfg.d/zz-secure-outbound \
    && apt-get update \
    && apt-get install -y --no-install-recommends php8.2-fpm php8.2-curl php8.2-intl ca-certificates /tmp/secure-outbound_*.deb \
    && rm -rf /tmp/secure-outbound_*.deb /var/lib/apt/lists/*

# The lines that load the library, a port in place of a socket, time for calls to end, and a log that is the container's.
RUN cp /usr/share/secure-outbound/php-fpm.ini /etc/php/8.2/fpm/conf.d/99-secure-outbound.ini \
    && sed -i 's|^listen = .*|listen = 9000|' /etc/php/8.2/fpm/pool.d/www.conf \
    && sed -i -e 's|^[;[:space:]]*process_control_timeout.*|process_control_timeout = 10s|' \
        -e 's|^error_log = .*|error_log = /proc/self/fd/2|' -e 's|^pid = .*|pid = /run/php-fpm.pid|' /etc/php/8.2/fpm/php-fpm.conf \
    && install -d -o www-data -g www-data -m 0700 /var/log/secure-outbound

VOLUME /var/log/secure-outbound
EXPOSE 9000
# php-fpm ends after the requests that it has taken.
STOPSIGNAL SIGQUIT
CMD ["php-fpm8.2", "--nodaemonize"]
