FROM busybox AS good
RUN echo hello; sleep 1
FROM busybox AS mid
RUN for i in 1 2 3; do echo mid $i; done; sleep 1; exit 3
FROM mid AS bad1
RUN echo b1
FROM mid AS bad2
RUN echo b2
FROM busybox AS oops
COPY nothing-here /
