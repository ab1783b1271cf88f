FROM python:3.13-slim-bookworm
WORKDIR /landbank
COPY requirements.lock ./
RUN pip install --no-cache-dir --require-hashes -r requirements.lock
COPY pyproject.toml ./
COPY app app
COPY migrations migrations
COPY sample_parcels sample_parcels
# In place, so that migrations and the demo district stand where the app looks for them.
RUN pip install --no-cache-dir --no-deps --no-build-isolation -e . \
    && useradd --system --uid 10001 --home-dir /var/lib/landbank --create-home landbank
USER landbank
VOLUME /var/lib/landbank
EXPOSE 8000
CMD ["landbank", "up", "--host", "0.0.0.0"]
