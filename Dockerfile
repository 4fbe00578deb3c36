# One image for every program: python -m server | index_builder | profile_builder.
#
#   docker build --tag pinnersage:0.1.0 .
#
# A tag moves. Give the base by digest for a build that is the same tomorrow; which digest that is depends on your
# registry and your processor, and it ages with every fix, so none is written down here:
#
#   docker build --build-arg PYTHON_IMAGE=python:3.11-slim-bookworm@sha256:... \
#     --build-arg BUILD_IMAGE=python:3.11-bookworm@sha256:... .
#
# The build image is the same with a C compiler: the same Debian, Python at the same place.
ARG PYTHON_IMAGE=python:3.11-slim-bookworm
ARG BUILD_IMAGE=python:3.11-bookworm

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
COPY requirements-image.lock requirements-compile.lock ./
COPY client ./client
# A mirror's address and certificate come as a secret and stay out of the image: --secret id=pip.conf,src=pip.conf
# hatchling, which builds the client's wheel, goes again with what it alone needs. Cython lies where nothing is carried over from.
RUN --mount=type=secret,id=pip.conf,target=/etc/pip.conf \
    python -m venv --without-pip /opt/pinnersage \
    && python -m pip --python /opt/pinnersage/bin/python install --no-cache-dir --no-compile --require-hashes \
        --disable-pip-version-check --only-binary :all: --requirement requirements-image.lock \
    && python -m pip --python /opt/pinnersage/bin/python install --no-cache-dir --no-compile --no-deps \
        --disable-pip-version-check --no-build-isolation ./client \
    && python -m pip --python /opt/pinnersage/bin/python uninstall --yes \
        hatchling pathspec pluggy tomlkit trove-classifiers \
    && python -m pip install --no-cache-dir --no-compile --require-hashes --disable-pip-version-check \
        --only-binary :all: --target /build/cython --requirement requirements-compile.lock
COPY model /opt/pinnersage/service/model
COPY storage /opt/pinnersage/service/storage
COPY process /opt/pinnersage/service/process
COPY index_builder /opt/pinnersage/service/index_builder
COPY profile_builder /opt/pinnersage/service/profile_builder
COPY server /opt/pinnersage/service/server
COPY LICENSE /opt/pinnersage/service/
COPY compile.sh ./
# The inner loops need numpy's headers, and nothing that runs does: they go, and so do the packages' tests. The root is
# read-only where this runs, so Python could write no bytecode there; by content, whatever the files' times are.
RUN find /opt/pinnersage/service -name '*.pyx' -exec \
        env PYTHONPATH=/build/cython ./compile.sh /opt/pinnersage/bin/python {} + -exec rm {} + \
    && find /opt/pinnersage/service -name '*.pxd' -exec rm {} + \
    && find /opt/pinnersage -depth -type d \( -name tests -o -name include \) -exec rm -r {} + \
    && python -m compileall -q -j 0 --invalidation-mode unchecked-hash /opt/pinnersage

FROM ${PYTHON_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="PinnerSage" \
      org.opencontainers.image.description="Recommendations from several interests a user, over gRPC" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# Nothing is installed in here.
RUN python -m pip uninstall --yes --quiet setuptools wheel pip
COPY --from=build /opt/pinnersage /opt/pinnersage
ENV PATH=/opt/pinnersage/bin:${PATH} \
    PYTHONPATH=/opt/pinnersage/service \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /opt/pinnersage/service
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
EXPOSE 50051 9464
STOPSIGNAL SIGTERM
ENTRYPOINT ["python", "-m"]
CMD ["server"]
