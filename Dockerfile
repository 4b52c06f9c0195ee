# The demo in a container, on the CPU:
#   docker build -t tsreward .
#   docker run --rm -v "$PWD/runs:/work/runs" tsreward            # about two minutes; the run is kept in runs/
#   docker run --rm tsreward --help                               # any other command
FROM python:3.11-slim-bookworm

RUN apt-get update \
    && apt-get install -y --no-install-recommends libegl1 libgl1 libgles2 libosmesa6 \
    && rm -rf /var/lib/apt/lists/*
ENV MUJOCO_GL=egl OMP_NUM_THREADS=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1

WORKDIR /src
COPY constraints.txt pyproject.toml README.md LICENSE ./
# PyTorch without CUDA; the constraints name the version.
RUN pip install -c constraints.txt --index-url https://download.pytorch.org/whl/cpu --extra-index-url https://pypi.org/simple torch
COPY tsreward ./tsreward
RUN pip install -c constraints.txt '.[sb3,safety,report]' \
    && pip install -c constraints.txt --no-deps safety-gymnasium

WORKDIR /work
ENTRYPOINT ["tsreward"]
CMD ["demo"]
