# The daemon, from the packages of `make packages`:
#
#   docker build -f packaging/docker/sidecar.Dockerfile -t secure-outbound-sidecar target/packages
#
# Configuration, registry, key and envelopes are mounted at /etc/secure-outbound-sidecar, read-only. PHP's container has the volume
# /run/secure-outbound-sidecar too, and its user the number of the group that owns the socket there.
# A release names the base with its digest.
ARG BASE=debian:12-slim
FROM ${BASE}

COPY secure-outbound-sidecar_*_amd64.deb /tmp/
# A slim Debian leaves out what packages have below /usr/share/doc. Licence texts of what is linked in, and its list, belong to the image.
RUN printf 'path-include /usr/share/doc/secure-outbound-sidecar/%s\n' licences.txt.gz sbom.cdx.json >/etc/dpkg/dpkg.cfg.d/zz-secure-outbound \
    && apt-get update \
    && apt-get install -y --no-install-recommends systemd-standalone-sysusers systemd-standalone-tmpfiles ca-certificates \
        /tmp/secure-outbound-sidecar_*.deb \
    && rm -rf /tmp/secure-outbound-sidecar_*.deb /var/lib/apt/lists/*

# Who gives a socket to a group has to be in it.
RUN usermod -aG secure-outbound-clients secure-outbound \
    && install -d -o secure-outbound -g secure-outbound -m 0755 /run/secure-outbound-sidecar

VOLUME /run/secure-outbound-sidecar
VOLUME /var/log/secure-outbound-sidecar
USER secure-outbound
# It takes nothing more, and ends after the calls that it has taken.
STOPSIGNAL SIGTERM
CMD ["secure-outbound-sidecar", "--listen", "/run/secure-outbound-sidecar/v1.sock", "--group", "secure-outbound-clients"]
